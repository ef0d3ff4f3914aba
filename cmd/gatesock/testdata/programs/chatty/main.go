// Command chatty prints megabytes before its description.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

func main() {
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	line := strings.Repeat("x", 1<<10)
	for range 40 << 10 {
		fmt.Fprintln(w, line)
		fmt.Fprintln(os.Stderr, "warning")
	}
	fmt.Fprintln(w, `{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},"routes":[{"key":"after","answer":"ack"}]}`)
}
