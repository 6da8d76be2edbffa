import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Settings } from "../../../src/wire.ts";
import { read } from "../api.ts";
import { Card, Empty, Pill } from "../parts/pieces.tsx";
import { ThisBrowser } from "../parts/this-browser.tsx";
import { me, now } from "../store.ts";
import { counted } from "../words.ts";

/** Config and policies as they are, to be read; they are changed in their files, by review. */
export function SettingsPage(): JSX.Element {
  const [settings, setSettings] = useState<Settings>();
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    void read<Settings>("/api/settings").then((answer) =>
      answer.ok ? setSettings(answer.value) : setTrouble(answer.says),
    );
  }, [now.value?.policyMistakes]);
  return (
    <>
      <div class="page-head">
        <h1>Settings</h1>
        <p class="line">{trouble === "" ? `Read-only. Change the files in ${settings?.folder ?? "…"}` : trouble}</p>
      </div>
      <div class="columns">
        <Card title="Config files">
          {settings?.files.map(({ name, text, isChecked, mistakes }) => (
            <details>
              <summary>
                <code>{name}</code>{" "}
                <Pill tone={mistakes.length === 0 ? "good" : "bad"}>
                  {mistakes.length === 0 ? (isChecked ? "holds" : "well-formed") : counted(mistakes.length, "mistake")}
                </Pill>
              </summary>
              {mistakes.map((mistake) => (
                <p class="empty bad">{mistake}</p>
              ))}
              <pre class="block" tabIndex={0}>
                {text}
              </pre>
            </details>
          ))}
          <p class="foot small quiet">
            Each was read by the program that it is for. In a terminal: <code>omega config check</code>
          </p>
        </Card>
        <div class="stack">
          <Policies settings={settings} />
          <Card title="You, in this browser" padded>
            <p>
              {me.value?.name}, {me.value?.role}
            </p>
            <ThisBrowser />
          </Card>
        </div>
      </div>
    </>
  );
}

function Policies({ settings }: { settings: Settings | undefined }): JSX.Element {
  const { inForce = [], mistakes = [], hash } = settings?.policies ?? {};
  return (
    <Card
      title="Policies in force"
      aside={
        <Pill tone={mistakes.length > 0 ? "bad" : inForce.length > 0 ? "good" : "warn"}>
          {mistakes.length > 0 ? "last change refused" : inForce.length > 0 ? "valid" : "none"}
        </Pill>
      }
    >
      {inForce.length === 0 ? (
        <Empty says="No policy is in force." next="Without one, nothing is permitted." />
      ) : undefined}
      {mistakes.map(({ file, line, column, message }) => (
        <p class="empty bad">
          <code>
            {file}:{line}:{column}
          </code>{" "}
          {message}
        </p>
      ))}
      {inForce.map(({ id, file, text }) => (
        <details>
          <summary>
            <code>{id}</code> <span class="quiet">{file}</span>
          </summary>
          <pre class="block" tabIndex={0}>
            {text}
          </pre>
        </details>
      ))}
      {hash === undefined ? undefined : (
        <p class="foot small quiet">
          Set <code>{hash.slice(0, 16)}</code>, as the Coordinator put it on the stream.
        </p>
      )}
    </Card>
  );
}
