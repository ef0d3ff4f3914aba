package recipes

import (
	"context"
	"crypto/sha256"

	"github.com/gatesock/gatesock"
)

// File is a request.
type File struct {
	Name    string `json:"name"`
	Content []byte `json:"content"` // base64 in JSON
}

// Received is the reply.
type Received struct {
	Bytes  int    `json:"bytes"`
	SHA256 []byte `json:"sha256"`
}

func receive(_ context.Context, _ *gatesock.Request, in File) (Received, error) {
	sum := sha256.Sum256(in.Content)
	return Received{Bytes: len(in.Content), SHA256: sum[:]}, nil
}
