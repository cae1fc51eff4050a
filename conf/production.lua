-- What differs from candy.lua in production (CANDY_ENV=production). Candy listens on the
-- machine itself alone: a reverse proxy that speaks TLS belongs in front of it.
return {
  keep = { completed = "72h" },
  log = { level = "info" },
}
