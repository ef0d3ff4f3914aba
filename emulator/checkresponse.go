package emulator

// ValidateResponse returns what a gateway with those Undocumented finds wrong with what a handler returned, which should be a
// Lambda proxy response; nil if nothing. The client of a malformed one sees "Internal server error" (§6 of
// docs/gateway-facts.md).
func ValidateResponse(data []byte, u Undocumented) error {
	_, err := decodeResponse(data, &u)
	return err
}
