// Package clienttest tests the clients of this repository, each in the same way: the Go client and
// the one in TypeScript. All of it is in the tests of this package.
//
// An agent is a client whose clock, random numbers and connections are the harness's. The agents
// are the machine of package clientcore, and the built npm package in a process of Node.js, which
// is told one line of JSON for each thing that happens.
//
// # Scenarios
//
// testdata/scenarios has stories as JSON: what the user does, what the server answers, and what
// the client has to send and to tell. Their server is scripted, and is behind the emulator's
// gateway, whose limits hold. Each names the rules of docs/protocol.md that it tests.
// ../../docs/adr/0034 has the reasons, and testdata/README.md the steps.
//
// # Seeds
//
// A seed is a world with a real server, clients, faults, and users who call and subscribe at
// random:
//
//	make client-sim SEEDS=10000 CLIENT=js
//
// A world that breaks a promise is shrunk and printed.
package clienttest
