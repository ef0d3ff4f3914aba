package export

import "github.com/gatesock/gatesock/emulator/workbench/internal/entry"

// FaultOf is faultOf, for the tests of package export_test.
func FaultOf(e *entry.Entry) string { return faultOf(e) }

// LooksRandom is looksRandom.
func LooksRandom(text string) bool { return looksRandom(text) }
