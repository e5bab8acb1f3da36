package catalog

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Content is what is in a file, compressed in pieces. It is immutable.
type Content struct {
	Hash   string // SHA-256 of it, in hexadecimal digits
	Size   int64
	Chunks [][]byte // deflated, of chunkBytes each but the last
}

// chunkBytes is the size of a piece before it is compressed: it fits a record of any broker, compressed or not.
const chunkBytes = 512 << 10

// ErrContent says that pieces do not make up the file that they are said to be of.
var ErrContent = errors.New("the pieces of a file do not fit together")

// pack reads a file to its end.
func pack(r io.Reader) (*Content, error) {
	c, sum := &Content{}, sha256.New()
	raw := make([]byte, chunkBytes)
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	for {
		n, err := io.ReadFull(r, raw)
		if n > 0 {
			sum.Write(raw[:n])
			c.Size += int64(n)
			var out bytes.Buffer
			w.Reset(&out)
			if _, err := w.Write(raw[:n]); err != nil {
				return nil, err
			}
			if err := w.Close(); err != nil {
				return nil, err
			}
			c.Chunks = append(c.Chunks, bytes.Clone(out.Bytes()))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			c.Hash = hex.EncodeToString(sum.Sum(nil))
			return c, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Open returns what reads the file. Its end is an error if the pieces are not those of the file.
func (c *Content) Open() io.ReadCloser { return &contentReader{of: c, sum: sha256.New()} }

// Text returns the whole file.
func (c *Content) Text() ([]byte, error) {
	if c.Size < 0 || c.Size > fileBytesMax {
		return nil, fmt.Errorf("%w: it has %d bytes; at most %d are read", ErrContent, c.Size, fileBytesMax)
	}
	return io.ReadAll(c.Open())
}

type contentReader struct {
	of   *Content
	next int // chunk
	in   io.Reader
	left int // bytes that the present chunk may still have
	sum  hash.Hash
	read int64
}

// Read implements io.Reader.
func (r *contentReader) Read(p []byte) (int, error) {
	for {
		if r.in == nil {
			if r.next == len(r.of.Chunks) {
				if r.read != r.of.Size || hex.EncodeToString(r.sum.Sum(nil)) != r.of.Hash {
					return 0, ErrContent
				}
				return 0, io.EOF
			}
			r.in, r.left = flate.NewReader(bytes.NewReader(r.of.Chunks[r.next])), chunkBytes
			r.next++
		}
		n, err := r.in.Read(p)
		r.sum.Write(p[:n])
		r.read += int64(n)
		if r.left -= n; r.left < 0 {
			return 0, ErrContent
		}
		switch {
		case errors.Is(err, io.EOF):
			r.in = nil
		case err != nil:
			return n, fmt.Errorf("%w: %w", ErrContent, err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

// Close implements io.Closer.
func (r *contentReader) Close() error { return nil }
