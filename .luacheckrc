std = "luajit"
max_line_length = 90
max_cyclomatic_complexity = 10
codes = true
exclude_files = { "build*", "spec/node_modules" }
files["spec"] = { std = "+busted" }
