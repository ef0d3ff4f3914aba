// Programs for the tests of the command: each describes itself in another way, or fails to.
module example.com/programs

go 1.26.0

require example.com/types v0.0.0

replace example.com/types => ../types
