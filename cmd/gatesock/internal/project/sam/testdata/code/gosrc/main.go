// A comment.
package main

func main() {}
