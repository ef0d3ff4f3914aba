// Command leaves starts a process that does not end, and ends itself once that runs.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
)

func main() {
	if len(os.Args) > 1 {
		c, err := net.Dial("unix", os.Getenv("SOCKET"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(os.Stderr, "connected")
		io.Copy(io.Discard, c)
	}
	r, w, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	c := exec.Command(os.Args[0], "child")
	c.Stdout, c.Stderr = os.Stdout, w
	if err := c.Start(); err != nil {
		log.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(`{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},"routes":[{"key":"left","answer":"ack"}]}`)
}
