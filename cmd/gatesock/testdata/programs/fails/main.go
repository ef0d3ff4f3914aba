// Command fails says on standard output why.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("no license")
	os.Exit(3)
}
