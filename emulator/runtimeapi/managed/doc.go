// Package managed runs functions of Lambda's managed runtimes, Node.js and Python, on this machine.
// Lambda brings an interpreter, a bootstrap that speaks the Runtime API, and the AWS SDK to them;
// [Prepare] does the same and returns the command that package runtimeapi starts:
//
//	program, err := managed.Prepare(ctx, managed.Options{
//		Runtime: "nodejs22.x",
//		Handler: "app.handler",
//		Folder:  "functions/chat",
//	})
//
// The interpreter is the one that this machine has. The SDK comes from npm or pip, in pinned
// versions, and only if the code uses it and the project has none; it is kept in a cache, and
// nothing is written into the project. What the project has itself always wins.
//
// Go programs need no managed runtime. [CheckGo] finds those that cannot run: for another machine,
// or older than the Runtime API, for which [ServeLegacy] is.
package managed
