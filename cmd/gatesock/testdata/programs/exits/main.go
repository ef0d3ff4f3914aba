// Command exits misses a variable.
package main

import (
	"log"
	"os"
)

func main() {
	if os.Getenv("TABLE") == "" {
		log.SetFlags(0)
		log.Fatal("TABLE is not set\x1b[31m\nset it, please")
	}
	os.Stdout.WriteString(`{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},"routes":[{"key":"` + os.Getenv("TABLE") + `","answer":"ack"}]}` + "\n")
}
