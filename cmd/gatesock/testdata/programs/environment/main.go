// Command environment describes its environment, and the folder that it runs in.
package main

import (
	"encoding/json"
	"os"
)

func main() {
	folder, _ := os.Getwd()
	var routes []map[string]string
	for _, v := range append(os.Environ(), "FOLDER="+folder) {
		routes = append(routes, map[string]string{"key": v})
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"version": 1, "envelope": map[string]any{}, "routes": routes})
}
