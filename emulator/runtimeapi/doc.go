// Package runtimeapi runs a Lambda function as a process on this machine, in any language, and
// serves it the Lambda Runtime API. Its [Function] is a [lambda.Handler], so that an
// [emulator.Gateway] can have an unmodified Lambda program for a handler:
//
//	function, err := runtimeapi.New(runtimeapi.Config{Command: []string{"./bootstrap"}})
//	…
//	gateway, err := emulator.New(function, emulator.Config{})
//
// The program is whatever Lambda would start: a Go program that calls gatesock.Start or
// lambda.Start, a bootstrap script, or an interpreter with a bootstrap of its own.
//
// # Instances
//
// A process is an instance, which Lambda calls an execution environment. It has one invocation at a
// time. An invocation that finds no free instance starts another one, up to Config.Concurrency, and
// waits for whichever is free first. An instance that has had nothing to do for Config.IdleTimeout
// is killed. So is one whose invocation takes longer than Config.Timeout; the next invocation
// starts a new one.
//
// Between invocations an instance is frozen, as on Lambda: what a handler has left running stands
// still until the next invocation. Config.FreezeDelay says how soon, and [Freezes] reports whether
// this system can.
//
// # What differs from Lambda
//
//   - Where all instances are busy, an invocation waits until its context ends. Lambda refuses it
//     at once, with the same error, but has a thousand of them.
//   - An instance is not limited in memory, files or processes, and may use the whole file system.
//   - There are no extensions, no Telemetry API and no SnapStart: requests for them are refused,
//     with a line in the log.
package runtimeapi
