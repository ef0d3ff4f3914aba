// Package describe reads the description of an application: its routes with their types, guards and
// limits, the messages that it sends, its event sources, and the resources that it needs.
//
// The description comes from the program itself. With the environment variable GATESOCK_DESCRIBE=1
// a program prints it in gatesock.Start, before anything reaches the Runtime API of Lambda:
//
//	GATESOCK_DESCRIBE=1 go run .
//
// The command gatesock makes templates, an AsyncAPI document and TypeScript types from it. [Of]
// returns the description of an app in the same process, and [Parse] that of a document.
package describe
