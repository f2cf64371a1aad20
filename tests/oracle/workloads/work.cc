// Something for cc1plus to compile.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

int main()
{
    std::map<std::string, std::vector<int>> lists;
    std::regex pattern("(a|b)+c");
    std::unordered_map<int, std::function<int(int)>> functions;
    functions[1] = [&](int x) { return static_cast<int>(lists.size()) + x; };
    std::sort(lists["x"].begin(), lists["x"].end());
    std::cout << std::regex_match("abc", pattern) << functions[1](2);
}
