import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Person } from "../../../src/wire.ts";
import { write } from "../api.ts";
import { Command } from "../parts/pieces.tsx";
import { go } from "../route.ts";
import { enter, signedOut } from "../store.ts";

/** Takes the token behind the `#` of a one-time link. Without one, it says how to get a link. */
export function SignInPage(): JSX.Element {
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    const token = location.hash.slice(1);
    if (token === "") return;
    history.replaceState(undefined, "", "/sign-in");
    void write<Person>("/api/sign-in", { token }).then((answer) => {
      if (!answer.ok) {
        setTrouble(answer.says);
        return;
      }
      signedOut.value = false;
      go("/");
      void enter();
    });
  }, []);
  return (
    <main class="sign-in">
      <div>
        <img src="/mark.svg" alt="" width="40" height="40" />
        <h1>Sign in to Omega</h1>
        {trouble === "" ? undefined : (
          <p class="bad" role="alert">
            {trouble}
          </p>
        )}
        <p>On the machine where Omega runs, this prints a link that signs you in once:</p>
        <Command line="omega console" />
        <p class="quiet">Teams sign in through their own proxy and never see this page.</p>
      </div>
    </main>
  );
}
