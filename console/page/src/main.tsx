import { render, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { AuditPage } from "./pages/audit-page.tsx";
import { IncidentPage } from "./pages/incident-page.tsx";
import { KnowledgePage } from "./pages/knowledge-page.tsx";
import { NowPage } from "./pages/now-page.tsx";
import { SettingsPage } from "./pages/settings-page.tsx";
import { SignInPage } from "./pages/sign-in-page.tsx";
import { PanicSheet } from "./parts/panic-sheet.tsx";
import { Shell } from "./parts/shell.tsx";
import { ShortcutsDialog } from "./parts/shortcuts-dialog.tsx";
import { followLinks, go, place } from "./route.ts";
import { generation, me, signedOut, start } from "./store.ts";
import "./style.css";
import { applyTheme } from "./theme.ts";

const jumps: Readonly<Record<string, string>> = { n: "/", a: "/audit", k: "/knowledge", s: "/settings" };

function App(): JSX.Element {
  const [open, setOpen] = useState<"panic" | "shortcuts">();
  useEffect(() => {
    let leader = false;
    const pressed = (event: KeyboardEvent): void => {
      const typing =
        event.target instanceof Element && event.target.closest("input, select, textarea, dialog") !== null;
      if (typing || event.metaKey || event.ctrlKey || event.altKey) return;
      const jump = leader ? jumps[event.key] : undefined;
      leader = event.key === "g";
      if (jump !== undefined) go(jump);
      else if (event.key === "P") setOpen("panic");
      else if (event.key === "?") setOpen("shortcuts");
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  if (signedOut.value || place.value.name === "sign-in") return <SignInPage />;
  if (me.value === undefined) return <Waiting />;
  return (
    <Shell onPanic={() => setOpen("panic")}>
      <Page key={`${place.value.name} ${place.value.id} ${generation.value}`} />
      {open === "panic" ? <PanicSheet onClose={() => setOpen(undefined)} /> : undefined}
      {open === "shortcuts" ? <ShortcutsDialog onClose={() => setOpen(undefined)} /> : undefined}
    </Shell>
  );
}

function Waiting(): JSX.Element {
  return (
    <main class="sign-in">
      <div>
        <h1>Reaching the console …</h1>
      </div>
    </main>
  );
}

function Page(): JSX.Element {
  const { name, id } = place.value;
  switch (name) {
    case "now":
      return <NowPage />;
    case "incident":
      return <IncidentPage id={id} />;
    case "audit":
      return <AuditPage />;
    case "knowledge":
      return <KnowledgePage />;
    case "settings":
      return <SettingsPage />;
    default:
      return (
        <div class="page-head">
          <h1>There is no such page</h1>
          <p class="line">
            <a class="link" href="/">
              What is going on now
            </a>
          </p>
        </div>
      );
  }
}

applyTheme();
followLinks();
start();
const root = document.getElementById("console");
if (root !== null) render(<App />, root);
