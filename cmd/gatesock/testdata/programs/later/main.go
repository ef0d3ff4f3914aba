// Command later prints a description of a later version.
package main

import "fmt"

func main() { fmt.Println(`{"version":99,"routes":"elsewhere"}`) }
