"""The MCP server: the tools of `atlantis mcp`, by which an agent of another program works with runs."""
