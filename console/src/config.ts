import { personRoles } from "@omega/bus-schemas/define-event.ts";
import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { z } from "zod";

const groupsSchema = z.array(z.string().min(1)).default([]);

/** The console's config file. Its `keys` folder is where the trusted keys are; its own operator key stands there too. */
export const consoleConfigSchema = agentConfigSchema.extend({
  http: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1"),
      port: z.coerce.number().int().min(0).max(65_535).default(4330),
      origin: z
        .union([z.literal(""), z.url()])
        .default("")
        .describe(
          "Where people reach it, when a proxy stands in front, e.g. `https://omega.example.com`. Writes from elsewhere are refused.",
        ),
    })
    .prefault({}),
  state: z
    .string()
    .min(1)
    .describe("Folder for sign-in links and the key of the session cookies; nobody else may read it."),
  signIn: z
    .strictObject({
      sessionHours: z.number().min(0.1).max(720).default(12),
      link: z
        .strictObject({
          name: z.string().min(1).max(256).default("operator"),
          role: z.enum(personRoles).default("admin"),
        })
        .prefault({})
        .describe("Who the link printed at the start signs in."),
      proxy: z
        .strictObject({
          trust: z
            .array(z.string().min(1))
            .min(1)
            .describe("Addresses of the proxy; headers from anywhere else are ignored."),
          userHeader: z.string().min(1).default("x-forwarded-email"),
          groupsHeader: z.string().min(1).default("x-forwarded-groups"),
          roles: z.strictObject({ viewer: groupsSchema, responder: groupsSchema, admin: groupsSchema }),
        })
        .optional()
        .describe("A proxy that signs people in by OpenID Connect and says who they are in headers."),
    })
    .prefault({}),
  audit: z.string().default("").describe("Folder of Scribe's audit log, where it is on this machine."),
  settings: z
    .string()
    .min(1)
    .describe("Folder of the agents' config files and policies, to show them and say whether they hold."),
  sourceRoot: z
    .string()
    .default("")
    .describe(
      "Folder that the source paths of diagnoses are relative to, to show the lines at fault. Empty: no excerpts.",
    ),
  page: z
    .string()
    .default("")
    .describe("Folder of the built page. Empty: it is built on this machine when its sources changed."),
});
export type ConsoleConfig = z.infer<typeof consoleConfigSchema>;
