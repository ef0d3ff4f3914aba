// Package wstest tests WebSocket applications the way their clients see them: clients connect, send, and expect
// replies and pushes, through the emulated gateway and the same handlers that run in Lambda.
package wstest
