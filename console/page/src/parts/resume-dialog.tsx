import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { PanicState } from "../../../src/wire.ts";
import { act } from "../api.ts";
import { Dialog } from "./dialog.tsx";

/** Lets Omega act again. The reason goes on record beside the press. */
export function ResumeDialog({ panic, onClose }: { panic: PanicState; onClose: () => void }): JSX.Element {
  const [reason, setReason] = useState("");
  const [trouble, setTrouble] = useState("");
  const resume = (event: SubmitEvent): void => {
    event.preventDefault();
    void act({ act: "resume", panicId: panic.panicId, reason }).then((answer) =>
      answer.ok ? onClose() : setTrouble(answer.says),
    );
  };
  return (
    <Dialog title="Let Omega act again" shape="box" onClose={onClose}>
      <form class="stack" onSubmit={resume}>
        <p>
          From here on repairs run again by the policies in force. What the panic took back stays taken back; what was
          ordered before it is never started.
        </p>
        <div class="field">
          <label for="resume-reason">Why is it safe now?</label>
          <input
            id="resume-reason"
            class="input"
            required
            maxLength={1024}
            value={reason}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </div>
        {trouble === "" ? undefined : (
          <p class="bad" role="alert">
            {trouble}
          </p>
        )}
        <div class="choices">
          <button type="submit" class="button primary" disabled={reason.trim() === ""}>
            Resume
          </button>
          <button type="button" class="button" onClick={onClose}>
            Stay frozen
          </button>
        </div>
      </form>
    </Dialog>
  );
}
