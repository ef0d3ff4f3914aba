// Package sim tests topics as a whole, in one process, with faults: clients that follow
// docs/protocol.md, the emulator's gateway, router, topics, broadcaster and registry, on a table in
// memory. All of it is in the tests of this package; run them with
//
//	make sim SEEDS=1000000
//
// # How it works
//
// A world lives in a bubble of testing/synctest, whose time is virtual. Every request to the table,
// every call of the gateway, every invocation and every frame on a link waits at a gate. When all
// goroutines wait, the scheduler chooses what goes on, or a fault: a process dies, an answer is
// lost, a link breaks, time passes. All choices come from one list of numbers, which a seed
// generates, so that a seed is always the same story. docs/adr/0029-simulator.md has the reasons.
//
// A story that breaks a promise is shrunk: numbers are taken from its list for as long as the
// promise stays broken. What remains is printed as a diagram, and is kept in testdata/stories.
package sim
