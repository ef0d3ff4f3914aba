package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

func TestDebug(t *testing.T) {
	name := os.Getenv("SCENARIO")
	if name == "" {
		t.Skip()
	}
	r := newRecording(t)
	scenarios()[name].play(r)
	for _, e := range r.all() {
		e.Input = ""
		if len(e.Body) > 150 {
			e.Body = e.Body[:150]
		}
		e.Handshake = nil
		b, _ := json.Marshal(e)
		fmt.Println(string(b))
	}
}
