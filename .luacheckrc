std = "luajit"
max_line_length = 90
max_cyclomatic_complexity = 10
codes = true
exclude_files = { "build*", "spec/node_modules", "bench/peers/node_modules",
  "host/lib/annotations" }
files["spec"] = { std = "+busted" }
