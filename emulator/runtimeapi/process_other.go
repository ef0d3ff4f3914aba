//go:build !unix

package runtimeapi

const freezes = false
