// Command endless prints one line of many megabytes.
package main

import (
	"fmt"
	"strings"
)

func main() {
	part := strings.Repeat("x", 1<<20)
	for range 40 {
		fmt.Print(part)
	}
}
