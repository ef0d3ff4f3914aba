// Command hangs starts a process, and neither ever ends.
package main

import (
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"time"
)

func main() {
	log.SetFlags(0)
	log.Print("waiting for the table")
	if len(os.Args) > 1 {
		c, err := net.Dial("unix", os.Getenv("SOCKET"))
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, c)
	}
	if os.Getenv("SOCKET") != "" {
		c := exec.Command(os.Args[0], "child")
		c.Stdout = os.Stdout
		if err := c.Start(); err != nil {
			log.Fatal(err)
		}
	}
	<-time.After(24 * time.Hour)
}
