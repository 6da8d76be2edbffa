import { permissionsOf, type BusUser } from "./access.ts";

/** A user, and how the server knows it: a public nkey, or the name of a variable that holds one (`$NAME` in the server's language). */
export interface AuthorizedUser {
  readonly user: BusUser;
  readonly nkey: string;
}

/**
 * The `authorization` block of a nats-server's configuration: each user with what it may publish and subscribe, and nobody else. With
 * `lookingWithoutName`, whoever connects without a name may look as a viewer does; its password is of no use to anyone.
 */
export function authorizationConfig(
  users: readonly AuthorizedUser[],
  options: { readonly lookingWithoutName?: { readonly password: string } } = {},
): string {
  const { lookingWithoutName } = options;
  return [
    "authorization {",
    "  users = [",
    ...users.map(({ user, nkey }) => `    # ${user}\n    { nkey: ${nkey}, permissions: ${permissionsText(user)} }`),
    ...(lookingWithoutName === undefined
      ? []
      : [
          `    # whoever gives no name\n    { user: viewer, password: ${JSON.stringify(lookingWithoutName.password)}, permissions: ${permissionsText("viewer")} }`,
        ]),
    "  ]",
    "}",
    ...(lookingWithoutName === undefined ? [] : ["no_auth_user: viewer"]),
    "",
  ].join("\n");
}

function permissionsText(user: BusUser): string {
  const { publish, subscribe } = permissionsOf(user);
  const list = (subjects: readonly string[]): string =>
    `[\n${subjects.map((subject) => `        ${JSON.stringify(subject)}`).join("\n")}\n      ]`;
  return [
    "{",
    `      publish: { allow: ${list(publish.allow)}, deny: ${list(publish.deny)} }`,
    `      subscribe: { allow: ${list(subscribe.allow)} }`,
    "    }",
  ].join("\n");
}
