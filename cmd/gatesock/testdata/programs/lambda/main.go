// Command lambda asks the Runtime API for events, as programs without gatesock.Start do.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	_, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/next")
	log.Fatal(err)
}
