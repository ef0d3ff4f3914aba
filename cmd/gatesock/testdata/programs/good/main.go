// Command good prints a description after other output.
package main

import (
	"fmt"
	"log"
	"os"
)

func main() {
	log.Print("starting")
	fmt.Println("version 1.2.3")
	if os.Getenv("GATESOCK_DESCRIBE") == "1" && os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		fmt.Println(`{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},"routes":[{"key":"$connect","answer":"none"},{"key":"ping","answer":"ack"}]}`)
	}
}
