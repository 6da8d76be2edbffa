import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** A modal dialog by the browser's own: focus stays inside, Escape closes it, and focus goes back to where it was. */
export function Dialog(props: {
  title: string;
  shape: "sheet" | "box";
  onClose: () => void;
  footer?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const outside = (event: MouseEvent): void => {
    if (event.target === dialog.current) props.onClose();
  };
  return (
    <dialog ref={dialog} class={props.shape} aria-label={props.title} onClose={props.onClose} onClick={outside}>
      <div class="inside">
        <header>
          <h2>{props.title}</h2>
          <button type="button" class="button plain push" aria-label="Close" onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        <div class="body" tabIndex={0} role="region" aria-label={props.title}>
          {props.children}
        </div>
        {props.footer === undefined ? undefined : <footer>{props.footer}</footer>}
      </div>
    </dialog>
  );
}
