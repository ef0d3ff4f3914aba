package jsonscan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

func BenchmarkAppendString(b *testing.B) {
	for _, size := range []int{16, 100, 1000} {
		text := strings.Repeat("x", size/2) + `"` + strings.Repeat("y", size/2)
		b.Run(fmt.Sprintf("string/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 2*size)
			for b.Loop() {
				dst = jsonscan.AppendString(dst[:0], text)
			}
		})
		b.Run(fmt.Sprintf("bytes/%d", size), func(b *testing.B) {
			b.ReportAllocs()
			raw := []byte(text)
			dst := make([]byte, 0, 2*size)
			for b.Loop() {
				dst = jsonscan.AppendString(dst[:0], raw)
			}
		})
	}
}
