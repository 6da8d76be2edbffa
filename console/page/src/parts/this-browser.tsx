import type { JSX } from "preact";
import { write } from "../api.ts";
import { signedOut } from "../store.ts";
import { theme, turnTheme } from "../theme.ts";

/** What is a matter of this browser alone. */
export function ThisBrowser(): JSX.Element {
  const leave = (): void => {
    void write("/api/sign-out", {}).then(() => {
      signedOut.value = true;
    });
  };
  return (
    <div class="choices">
      <button type="button" class="button plain small" onClick={turnTheme}>
        Theme: {theme.value}
      </button>
      <button type="button" class="button plain small" onClick={leave}>
        Sign out
      </button>
    </div>
  );
}
