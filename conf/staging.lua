-- What differs from candy.lua where releases are tried (CANDY_ENV=staging): as in
-- production, with more on the log and no need to keep dead jobs for long.
return {
  keep = { dead = "7d" },
  log = { level = "debug" },
}
