// Command aws calls AWS before it describes itself.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	_, err := http.Post(os.Getenv("AWS_ENDPOINT_URL")+"/", "application/json", nil)
	log.Fatal("GetParameter: ", err)
}
