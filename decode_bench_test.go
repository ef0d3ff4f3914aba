package gatesock

import (
	"os"
	"testing"
)

func BenchmarkDecodeEvent(b *testing.B) {
	event, err := os.ReadFile("testdata/message.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if _, err := decodeEvent(event, protocolWire); err != nil {
			b.Fatal(err)
		}
	}
}
