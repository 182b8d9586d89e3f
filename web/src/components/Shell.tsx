import { ActionIcon, AppShell, Burger, Group, Menu, Text, Tooltip, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import { logout, type User } from "../api/session";
import { Link, navigate, usePlace } from "../router";
import classes from "./Shell.module.css";
import { Icon, Logo, type IconName } from "./Icons";

const PAGES: readonly { path: string; label: string; icon: IconName; also?: string }[] = [
  { path: "/dashboards", label: "Dashboards", icon: "dashboards", also: "/d/" },
  { path: "/explore", label: "Explore", icon: "explore" },
  { path: "/targets", label: "Targets", icon: "targets" },
];

function Navigation({ path }: { path: string }) {
  return (
    <nav aria-label="Main">
      {PAGES.map((page) => {
        const active = path.startsWith(page.path) || (page.also !== undefined && path.startsWith(page.also));
        return (
          <Link key={page.path} href={page.path} className={classes.link} data-active={active || undefined} aria-current={active ? "page" : undefined}>
            <Icon name={page.icon} size={19} />
            <span>{page.label}</span>
          </Link>
        );
      })}
    </nav>
  );
}

const SCHEMES = [
  { value: "light", label: "Light", icon: "sun" },
  { value: "dark", label: "Dark", icon: "moon" },
  { value: "auto", label: "Like the system", icon: "auto" },
] as const;

function ThemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const current = SCHEMES.find((scheme) => scheme.value === colorScheme) ?? SCHEMES[2];
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Tooltip label="Theme">
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Theme: ${current.label}`}>
            <Icon name={current.icon} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        {SCHEMES.map((scheme) => (
          <Menu.Item key={scheme.value} leftSection={<Icon name={scheme.icon} size={16} />} onClick={() => setColorScheme(scheme.value)}
            rightSection={scheme.value === colorScheme ? <Icon name="check" size={14} /> : null}>
            {scheme.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function UserMenu({ user }: { user: User }) {
  const client = useQueryClient();
  const leave = async () => {
    // The session may be gone already; the login page is right in both cases.
    await logout().catch(() => undefined);
    client.clear();
    navigate("/login");
  };
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Account: ${user.login}`} data-testid="user-menu">
          <Icon name="user" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {user.login} · {user.role}
        </Menu.Label>
        <Menu.Item onClick={() => void leave()} data-testid="logout">
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** The frame around every page behind the login. */
export function Shell({ user, children }: { user: User; children: ReactNode }) {
  const { path } = usePlace();
  const [opened, { toggle, close }] = useDisclosure();
  useEffect(close, [path, close]);
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 188, breakpoint: "sm", collapsed: { mobile: !opened } }} padding={0} transitionDuration={0}>
      <AppShell.Header className={classes.header}>
        <a href="#main" className={classes.skip}>Skip to content</a>
        <Group gap="xs" wrap="nowrap">
          <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
          <Link href="/dashboards" className={classes.brand} aria-label="Slurmscope, dashboards">
            <Logo />
            <Text fw={650} size="md" component="span">
              Slurmscope
            </Text>
          </Link>
        </Group>
        <Group gap={4} wrap="nowrap">
          <ThemeMenu />
          <UserMenu user={user} />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar} p="xs">
        <Navigation path={path} />
      </AppShell.Navbar>
      <AppShell.Main id="main" className={classes.main}>
        {children}
      </AppShell.Main>
    </AppShell>
  );
}
