-- What differs from candy.lua on a developer's machine (CANDY_ENV=development, which is
-- the default): more on the log, and Ctrl-C does not wait for long.
return {
  stop_grace = "5s",
  log = { level = "debug" },
}
