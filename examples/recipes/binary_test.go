package recipes

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

func TestBinaryDataIsBase64(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	gatesock.HandleReply(r, "upload", receive)
	client := wstest.New(t, r).Connect()

	content := []byte{0, 255, 10, 128}
	var got Received
	client.Request("upload", File{Name: "a.bin", Content: content}).ExpectReply(&got)
	sum := sha256.Sum256(content)
	require.Equal(t, Received{Bytes: 4, SHA256: sum[:]}, got)

	client.SendText(`{"action":"upload","id":"1","name":"a.bin","content":"AP8KgA=="}`)
	client.ExpectFrame(`{"id":"1","action":"upload","data":{"bytes":4,"sha256":"…"}}`)
	client.Request("upload", map[string]string{"content": "!"}).ExpectError(gatesock.CodeInvalidArgument)

	client.SendBinary(content)
	client.ExpectClosed(1003)
}
