import { Alert, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { login } from "../api/session";
import { Icon, Logo } from "../components/Icons";
import { navigate, safeReturnPath, usePlace } from "../router";
import classes from "./LoginPage.module.css";

export function LoginPage() {
  const { search } = usePlace();
  const client = useQueryClient();
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const userInput = useRef<HTMLInputElement>(null);
  const passwordInput = useRef<HTMLInputElement>(null);

  useEffect(() => {
    document.title = "Log in · Slurmscope";
    userInput.current?.focus();
  }, []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // Read from the fields: password managers fill them without telling React.
    const user = userInput.current?.value.trim() ?? "";
    const password = passwordInput.current?.value ?? "";
    if (!user || !password) {
      setError("Enter your user name and your password.");
      (user ? passwordInput : userInput).current?.focus();
      return;
    }
    setBusy(true);
    setError("");
    try {
      await login(user, password);
      client.clear();
      navigate(safeReturnPath(search.get("redirect")), true);
    } catch (failure) {
      setBusy(false);
      setError(failure instanceof Error ? failure.message : "The login failed.");
      passwordInput.current?.select();
    }
  };

  return (
    <main className={classes.page}>
      <Paper withBorder className={classes.card} component="section" aria-labelledby="login-title">
        <Stack gap={4} align="center" mb="lg">
          <Logo size={44} />
          <Title order={1} size="h3" id="login-title" mt={6}>
            Slurmscope
          </Title>
          <Text c="dimmed" size="sm">
            Observability for your GPU cluster
          </Text>
        </Stack>
        <form onSubmit={(event) => void submit(event)} noValidate>
          <Stack gap="sm">
            {error ? (
              <Alert color="red" variant="light" icon={<Icon name="warning" />} role="alert" data-testid="login-error" p="xs">
                {error}
              </Alert>
            ) : null}
            <TextInput ref={userInput} label="User name" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} data-testid="login-user" />
            <PasswordInput ref={passwordInput} label="Password" name="password" autoComplete="current-password" data-testid="login-password" />
            <Button type="submit" loading={busy} fullWidth mt="xs" data-testid="login-submit">
              Log in
            </Button>
          </Stack>
        </form>
      </Paper>
    </main>
  );
}
