// Command deadlocks waits for itself.
package main

func main() { <-make(chan int) }
