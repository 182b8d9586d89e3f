import { ActionIcon, Alert, Button, Group, Modal, Text, Tooltip } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deleteDashboard } from "../api/dashboards";
import { navigate } from "../router";
import { Icon } from "./Icons";

/** Button that deletes the dashboard after a question. */
export function DeleteDashboard({ uid, title }: { uid: string; title: string }) {
  const [asking, setAsking] = useState(false);
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteDashboard(uid),
    onSuccess: async () => {
      navigate("/dashboards");
      client.removeQueries({ queryKey: ["dashboard", uid] });
      await client.invalidateQueries({ queryKey: ["search"] });
    },
  });
  return (
    <>
      <Tooltip label="Delete this dashboard">
        <ActionIcon variant="subtle" color="gray" size={30} aria-label="Delete this dashboard" onClick={() => setAsking(true)} data-testid="dashboard-delete">
          <Icon name="trash" size={17} />
        </ActionIcon>
      </Tooltip>
      <Modal opened={asking} onClose={() => setAsking(false)} title="Delete this dashboard?" size="sm" transitionProps={{ duration: 0 }}>
        <Text size="sm">“{title}” will be gone for everybody.</Text>
        {remove.error ? <Alert color="red" p="xs" mt="sm" role="alert">{remove.error.message}</Alert> : null}
        <Group justify="flex-end" mt="md">
          <Button variant="subtle" color="gray" onClick={() => setAsking(false)}>Keep it</Button>
          <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()} data-testid="dashboard-delete-confirm">Delete</Button>
        </Group>
      </Modal>
    </>
  );
}
