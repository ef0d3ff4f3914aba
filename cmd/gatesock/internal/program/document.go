package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gatesock/gatesock/describe"
)

// Read reads a description from a file. What a program has printed before it may stand there too.
func Read(r io.Reader) (*describe.App, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxDocument:
		return nil, fmt.Errorf("it has more than %d MiB, which no description has", maxDocument>>20)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errors.New("it is empty")
	case !json.Valid(data):
		var last lastLine
		_, _ = last.Write(data)
		if json.Valid(last.text()) {
			data = last.text()
		}
	}
	return describe.Parse(data)
}
