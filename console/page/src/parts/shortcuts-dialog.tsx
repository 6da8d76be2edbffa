import type { JSX } from "preact";
import { Dialog } from "./dialog.tsx";

const shortcuts = [
  ["g n", "Now"],
  ["g a", "Audit"],
  ["g k", "Knowledge"],
  ["g s", "Settings"],
  ["Shift P", "The Panic Button's sheet"],
  ["Tab, Enter", "Everything else, in the order of the page"],
  ["Esc", "Close what is open"],
  ["?", "This list"],
] as const;

export function ShortcutsDialog({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Keys" shape="box" onClose={onClose}>
      <dl class="facts">
        {shortcuts.map(([keys, what]) => (
          <>
            <dt>
              <code>{keys}</code>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  );
}
