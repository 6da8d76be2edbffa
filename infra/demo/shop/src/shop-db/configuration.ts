/** postgresql.conf for a database of a few megabytes. */
export const postgresConfiguration = ["shared_buffers=8MB", "wal_buffers=256kB"];
