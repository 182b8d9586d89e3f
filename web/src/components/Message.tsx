import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icons";

interface Props {
  icon: IconName;
  title: string;
  text?: string;
  children?: ReactNode;
}

/** A calm full-width notice: nothing here, not found, failed. */
export function Message({ icon, title, text, children }: Props) {
  return (
    <Stack align="center" gap={6} py={56} px="md" role="status">
      <Text c="dimmed" component="span">
        <Icon name={icon} size={28} />
      </Text>
      <Text fw={600}>{title}</Text>
      {text ? (
        <Text c="dimmed" size="sm" ta="center" maw={620}>
          {text}
        </Text>
      ) : null}
      {children}
    </Stack>
  );
}
