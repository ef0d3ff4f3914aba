// Command wrong prints a description with a mistake.
package main

import "fmt"

func main() { fmt.Println(`{"version":1,"envelope":{}}`) }
