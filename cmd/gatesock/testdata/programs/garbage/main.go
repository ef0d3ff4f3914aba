// Command garbage prints something else than a description.
package main

import "fmt"

func main() { fmt.Println("Hello, world\x1b[2J") }
