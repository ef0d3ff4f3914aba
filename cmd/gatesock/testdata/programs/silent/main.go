// Command silent ends well and prints nothing.
package main

func main() {}
