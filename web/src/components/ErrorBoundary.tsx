import { Component, type ReactNode } from "react";
import { Message } from "./Message";

interface Props {
  children: ReactNode;
}

/** Keeps a fault in one part from taking the whole page away. */
export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return <Message icon="warning" title="This part failed" text={this.state.error.message} />;
  }
}
